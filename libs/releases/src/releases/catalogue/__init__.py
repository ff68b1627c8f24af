"""Which releases exist, and what describes them."""
