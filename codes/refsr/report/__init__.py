"""HTML pages and tables about runs."""
