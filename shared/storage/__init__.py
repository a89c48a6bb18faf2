"""Tables and blobs: the only code that knows how state is laid out in the storage account."""
