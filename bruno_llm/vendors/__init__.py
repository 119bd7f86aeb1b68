"""What is true of each vendor, one folder a vendor.

``<vendor>/vendor.py`` holds the facts as one ``Vendor``, ``wire.py`` reads its answers,
``prices.py`` is its price table. ``registry.py`` finds the vendor behind a litellm route.
"""
