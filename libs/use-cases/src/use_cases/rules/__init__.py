"""Rules a team states: how decisions are chosen and what a release must reach."""
