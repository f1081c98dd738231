"""GenICam cameras (GigE Vision and USB3 Vision) through Aravis."""
