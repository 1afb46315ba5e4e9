"""The semantic cache's tables, as workers and people work on them. SQL; searching them for a request is `gateway.stores.semantic`'s."""
