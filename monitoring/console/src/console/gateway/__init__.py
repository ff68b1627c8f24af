"""Reading the gateway: every value comes with its age, and survives an outage as "last known"."""
