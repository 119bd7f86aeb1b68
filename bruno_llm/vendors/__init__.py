"""What is true of each vendor: its wire, its words, its model list. One file a vendor."""
