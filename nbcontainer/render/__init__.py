"""Results as text, as static HTML and through templates; pure, and nothing here prints."""
