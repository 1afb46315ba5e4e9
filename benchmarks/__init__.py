"""The rig that measures Tollgate: everything on loopback, the simulator as upstream."""
