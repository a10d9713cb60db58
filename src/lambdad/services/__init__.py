"""The services that functions live with, each small and in the same style. They do not import each other."""
