locals {
  # Every ServiceMonitor, PodMonitor and rule of the platform has the label `release: kube-prometheus-stack`, so
  # that Prometheus ignores others.
  monitored = { matchLabels = { release = "kube-prometheus-stack" } }

  alert_receivers = concat([{ name = "none", webhook_configs = [] }], [
    for secret in compact([var.monitoring.webhook_secret]) : {
      name            = "webhook"
      webhook_configs = [{ url_file = "/etc/alertmanager/secrets/${secret}/url", send_resolved = true }]
    }
  ])

  alertmanager = {
    route = {
      receiver        = var.monitoring.webhook_secret == null ? "none" : "webhook"
      group_by        = ["alertname", "namespace"]
      group_wait      = "30s"
      group_interval  = "5m"
      repeat_interval = "12h"
      # It always fires, to show that alerts are delivered; it needs no notification.
      routes = [{ receiver = "none", matchers = ["alertname = \"Watchdog\""] }]
    }
    inhibit_rules = [{
      source_matchers = ["severity = critical"]
      target_matchers = ["severity = warning"]
      equal           = ["alertname", "namespace"]
    }]
    receivers = local.alert_receivers
  }

  # The chart's default is minAvailable = 1, and Kubernetes refuses a budget with both; null removes the default.
  monitoring_budget = { enabled = var.monitoring.replicas > 1, minAvailable = null, maxUnavailable = 1 }

  # AKS runs these itself and exposes no metrics of them.
  not_ours = { for name in ["kubeApiServer", "kubeControllerManager", "kubeEtcd", "kubeProxy", "kubeScheduler", "coreDns"] : name => { enabled = false } }
}

resource "helm_release" "monitoring" {
  name       = "kube-prometheus-stack"
  namespace  = kubernetes_namespace_v1.main["monitoring"].metadata[0].name
  repository = local.versions.monitoring.repository
  chart      = local.versions.monitoring.chart
  version    = local.versions.monitoring.version

  atomic          = true
  cleanup_on_fail = true
  max_history     = 5
  timeout         = 900

  values = [
    yamlencode(local.not_ours),
    yamlencode({
      prometheusOperator = {
        resources = { requests = { cpu = "50m", memory = "128Mi" }, limits = { memory = "512Mi" } }
        tls       = { enabled = true }
      }
      prometheus = {
        podDisruptionBudget = local.monitoring_budget
        prometheusSpec = {
          replicas                                = var.monitoring.replicas
          retention                               = "${var.monitoring.retention_days}d"
          retentionSize                           = "${floor(tonumber(trimsuffix(var.monitoring.storage, "Gi")) * 0.85)}GB"
          podAntiAffinity                         = "soft"
          serviceMonitorSelectorNilUsesHelmValues = false
          podMonitorSelectorNilUsesHelmValues     = false
          ruleSelectorNilUsesHelmValues           = false
          probeSelectorNilUsesHelmValues          = false
          scrapeConfigSelectorNilUsesHelmValues   = false
          serviceMonitorSelector                  = local.monitored
          podMonitorSelector                      = local.monitored
          ruleSelector                            = local.monitored
          probeSelector                           = local.monitored
          scrapeConfigSelector                    = local.monitored
          resources                               = { requests = { cpu = var.monitoring.cpu, memory = var.monitoring.memory }, limits = { memory = var.monitoring.memory } }
          storageSpec = {
            volumeClaimTemplate = {
              spec = {
                accessModes      = ["ReadWriteOnce"]
                storageClassName = "managed-csi"
                resources        = { requests = { storage = var.monitoring.storage } }
              }
            }
          }
        }
      }
      alertmanager = {
        config              = local.alertmanager
        podDisruptionBudget = local.monitoring_budget
        alertmanagerSpec = {
          replicas        = var.monitoring.replicas
          podAntiAffinity = "soft"
          secrets         = compact([var.monitoring.webhook_secret])
          resources       = { requests = { cpu = "25m", memory = "64Mi" }, limits = { memory = "256Mi" } }
          storage = {
            volumeClaimTemplate = {
              spec = {
                accessModes      = ["ReadWriteOnce"]
                storageClassName = "managed-csi"
                resources        = { requests = { storage = "2Gi" } }
              }
            }
          }
        }
      }
      # Dashboards are code: nothing is kept in Grafana, so it needs no volume.
      grafana = {
        admin                 = { existingSecret = "grafana-admin", userKey = "admin-user", passwordKey = "admin-password" }
        persistence           = { enabled = false }
        resources             = { requests = { cpu = "100m", memory = "256Mi" }, limits = { memory = "512Mi" } }
        rbac                  = { namespaced = true, pspEnabled = false }
        serviceMonitor        = { enabled = true, labels = local.monitored.matchLabels }
        assertNoLeakedSecrets = true
        testFramework         = { enabled = false }
        sidecar = {
          resources   = { requests = { cpu = "25m", memory = "96Mi" }, limits = { memory = "256Mi" } }
          dashboards  = { enabled = true, label = "grafana_dashboard", labelValue = "1", searchNamespace = "monitoring" }
          datasources = { enabled = true, searchNamespace = "monitoring" }
        }
        "grafana.ini" = {
          analytics = { reporting_enabled = false, check_for_updates = false, check_for_plugin_updates = false }
          security  = { cookie_secure = true, disable_gravatar = true }
          users     = { allow_sign_up = false }
        }
      }
      kube-state-metrics = {
        resources = { requests = { cpu = "25m", memory = "128Mi" }, limits = { memory = "512Mi" } }
        # Counting secrets would need permission to read them.
        collectors = local.counted
      }
      # It needs access to the node, which Pod Security of the other namespace forbids.
      prometheus-node-exporter = {
        namespaceOverride = kubernetes_namespace_v1.main["node-agents"].metadata[0].name
        resources         = { requests = { cpu = "25m", memory = "32Mi" }, limits = { memory = "128Mi" } }
      }
    }),
  ]

  depends_on = [
    helm_release.secrets,
    kubernetes_limit_range_v1.main,
    kubernetes_network_policy_v1.egress,
    kubernetes_network_policy_v1.ingress,
    kubernetes_network_policy_v1.names,
    kubernetes_resource_quota_v1.main,
  ]
}

locals {
  counted = [
    "cronjobs", "daemonsets", "deployments", "horizontalpodautoscalers", "jobs", "limitranges", "namespaces", "networkpolicies",
    "nodes", "persistentvolumeclaims", "persistentvolumes", "poddisruptionbudgets", "pods", "replicasets", "resourcequotas",
    "services", "statefulsets",
  ]

  # What the platform's own manifests do not watch: the programs that are installed here. Sidecars declare the port
  # http-envoy-prom alone, and offer their program's metrics on 15020. The secrets of External Secrets are in
  # other namespaces than its pods.
  watched = [
    { name = "istiod", namespace = "istio-system", labels = { app = "istiod" }, port = 15014, declared = null, path = "/metrics", honorLabels = false },
    { name = "ingressgateway", namespace = "istio-system", labels = { istio = "ingressgateway" }, port = 15020, declared = "http-envoy-prom", path = "/stats/prometheus", honorLabels = false },
    { name = "mlflow", namespace = "mlflow", labels = { "app.kubernetes.io/component" = "server", "app.kubernetes.io/name" = "mlflow" }, port = 15020, declared = "http-envoy-prom", path = "/stats/prometheus", honorLabels = false },
    { name = "cert-manager", namespace = "cert-manager", labels = { "app.kubernetes.io/name" = "cert-manager" }, port = 9402, declared = null, path = "/metrics", honorLabels = false },
    { name = "external-secrets", namespace = "external-secrets", labels = { "app.kubernetes.io/name" = "external-secrets" }, port = 8080, declared = null, path = "/metrics", honorLabels = true },
    { name = "knative-serving", namespace = "knative-serving", labels = { "app.kubernetes.io/name" = "knative-serving" }, port = 9090, declared = null, path = "/metrics", honorLabels = false },
    { name = "kuberay-operator", namespace = "ray", labels = { "app.kubernetes.io/name" = "kuberay-operator" }, port = 8080, declared = null, path = "/metrics", honorLabels = false },
  ]
}

resource "helm_release" "monitors" {
  name      = "monitors"
  namespace = kubernetes_namespace_v1.main["monitoring"].metadata[0].name
  chart     = "${path.module}/charts/monitors"

  atomic          = true
  cleanup_on_fail = true
  max_history     = 5
  timeout         = 300

  values = [yamlencode({ contentHash = local.chart_hash.monitors, watched = local.watched })]

  depends_on = [helm_release.monitoring]
}
