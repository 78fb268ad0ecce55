"""From raw tables to conformed ones: union, casts, contracts, quarantine, identity."""
