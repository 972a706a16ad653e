#!/bin/sh
add_protocol fleth
