"""Networks: bridges, links, address translation, forwarding and names; netlink is spoken here alone."""
