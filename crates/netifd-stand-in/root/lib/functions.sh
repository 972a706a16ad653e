#!/bin/sh
# Handlers source it before netifd-proto.sh; for a dump nothing in it is needed.
