"""The page and the HTTP interfaces."""
