"""The management API: what a console does, for scripts. Here is what all of it shares, and what is about the tenant itself; the apps above
have packages of the same name. Views parse and render; writing is done by the verbs that the pages use, too.
"""
