"""Communes, EPCI and départements on the current official geography."""
