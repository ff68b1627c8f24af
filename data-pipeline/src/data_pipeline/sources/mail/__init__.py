"""Mail as it lies in folders and mailboxes."""
