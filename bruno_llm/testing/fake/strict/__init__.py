"""Refusing what a vendor would refuse: what all rules use. They stand with their vendor."""
