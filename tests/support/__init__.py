"""What tests share: real servers, ports, and material by others."""
