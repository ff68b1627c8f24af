"""What the policy of a use case makes of drift reports: now, and in a backtest."""
