# shellcheck shell=sh
# shellcheck disable=SC2034 # read by the scripts that source this
# Two real numberings, as literals: the tests must not compute what they check. Source it.

# LINE_LUCK: first SYNs that may be lost while 90 % of the set fill up. The kernel's search for a
# free port is random, also in a contiguous range: simulated 6,000 times, 240 ports lost one SYN in
# 20 runs and never two; simulated 800 times, 1008 ports lost one in 31 runs, two in 3 and never
# more.

# 15 blocks of 16 ports: 5696-5711 ... 63040-63055
line_v6plus() {
	LINE_PREFIX=240b:10:3261:6400::/56
	LINE_CE=240b:10:3261:6400:6a:4832:6100:6400
	LINE_BR=2404:9200:225:100::64
	LINE_IPV4=106.72.50.97
	LINE_PSID=100 LINE_A=4 LINE_K=8 LINE_COUNT=240 LINE_LUCK=1
}

# 63 blocks of 16 ports
line_ocn() {
	LINE_PREFIX=2400:4050:80ba:2200::/56
	LINE_CE=2400:4050:80ba:2200:99:f202:e800:2200
	LINE_BR=2001:380:a120::9
	LINE_IPV4=153.242.2.232
	LINE_PSID=34 LINE_A=6 LINE_K=6 LINE_COUNT=1008 LINE_LUCK=3
}
