#!/bin/sh
# mape-rs
add_protocol mape
