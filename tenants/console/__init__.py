"""The tenant console: whose it is in a request (middleware), its frame, and the pages that are about the tenant itself."""
