"""What all pages share: sessions, forms, templates, headers, static files."""
