add_protocol map
