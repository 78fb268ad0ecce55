"""One file per conformed entity: its contract and how records of several systems become one row."""
