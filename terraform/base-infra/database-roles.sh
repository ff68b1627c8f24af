#!/usr/bin/env bash
# database-roles.sh HOST VAULT: gives each component of PostgreSQL a user that owns its databases and sees no others.
# Runs inside the network. Running it again sets the present passwords, for example after a rotation.
set -euo pipefail

[[ $# -eq 2 ]] || {
  echo "database-roles: usage: database-roles.sh HOST VAULT (outputs postgres_fqdn and key_vault_name)" >&2
  exit 2
}
host="$1" vault="$2"
for program in az psql; do
  command -v "$program" >/dev/null || {
    echo "database-roles: $program is not installed" >&2
    exit 1
  }
done
secret() { az keyvault secret show --vault-name "$vault" --name "$1" --query value --output tsv; }

PGPASSWORD="$(secret postgres-admin-password)"
export PGPASSWORD PGHOST="$host" PGUSER=platformadmin PGSSLMODE=verify-full PGSSLROOTCERT=system

own() { # USER DATABASE…
  local user="$1" password
  shift
  password="$(secret "$user-db-password")"
  psql --dbname postgres --quiet --set ON_ERROR_STOP=1 --set user="$user" --set password="$password" <<'SQL'
SELECT format('CREATE ROLE %I LOGIN', :'user')
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'user') \gexec
ALTER ROLE :"user" PASSWORD :'password';
GRANT :"user" TO CURRENT_USER;
SQL
  for database in "$@"; do
    psql --dbname postgres --quiet --set ON_ERROR_STOP=1 --set user="$user" --set database="$database" <<'SQL'
ALTER DATABASE :"database" OWNER TO :"user";
REVOKE CONNECT ON DATABASE :"database" FROM PUBLIC;
SQL
  done
  echo "database-roles: $user owns $*"
}

own mlflow mlflow
own kubeflow mlpipeline metadb cachedb
