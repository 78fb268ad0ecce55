"""The simulated HubSpot: its records, and the server that shows them."""
