#!/bin/sh
# Stands for the handler of mape-rs.
add_protocol mape
