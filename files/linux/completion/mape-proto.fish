# fish completion for mape-proto
complete -c mape-proto -f
complete -c mape-proto -n __fish_use_subcommand -a plan -d 'show the provider, IPv4 address and ports of a line'
complete -c mape-proto -n __fish_use_subcommand -a rules -d 'print the built-in rules with their sources'
complete -c mape-proto -n __fish_use_subcommand -a detect -d 'identify the technology of the line and how to configure it'
complete -c mape-proto -n __fish_use_subcommand -a doctor -d 'check everything from the uplink to the LAN, with next steps'
complete -c mape-proto -n __fish_use_subcommand -a import -d 'convert another MAP-E section of this router to proto mape'
complete -c mape-proto -n __fish_use_subcommand -a status -d 'show interface state, address and port usage'
complete -c mape-proto -n __fish_use_subcommand -a ports -d 'list ports and connections'
complete -c mape-proto -n __fish_use_subcommand -a forward -d 'manage port forwards: add, remove, list'
complete -c mape-proto -n __fish_use_subcommand -a firewall -d 'load the rules of all MAP-E interfaces that are up'
complete -c mape-proto -n __fish_use_subcommand -a up -d 'plain Linux: bring the line up, take it down'
complete -c mape-proto -n __fish_use_subcommand -a down -d 'plain Linux: bring the line up, take it down'
complete -c mape-proto -n __fish_use_subcommand -a watch -d 'plain Linux: bring the line up and follow changes'
complete -c mape-proto -n __fish_use_subcommand -a completion -d 'print a script that completes words in bash, fish or zsh'
complete -c mape-proto -n '__fish_seen_subcommand_from plan' -l device
complete -c mape-proto -n '__fish_seen_subcommand_from plan' -l dir -r -F
complete -c mape-proto -n '__fish_seen_subcommand_from plan' -l edge -x -a 'auto netdev postrouting plain'
complete -c mape-proto -n '__fish_seen_subcommand_from plan' -l full-cone
complete -c mape-proto -n '__fish_seen_subcommand_from plan' -l ifupdown
complete -c mape-proto -n '__fish_seen_subcommand_from plan' -l json
complete -c mape-proto -n '__fish_seen_subcommand_from plan' -l layout -x -a 'draft03 rfc7597'
complete -c mape-proto -n '__fish_seen_subcommand_from plan' -l nft
complete -c mape-proto -n '__fish_seen_subcommand_from plan' -l provider -x -a 'auto v6plus ocn biglobe nuro manual'
complete -c mape-proto -n '__fish_seen_subcommand_from plan' -l reserve
complete -c mape-proto -n '__fish_seen_subcommand_from plan' -l rule
complete -c mape-proto -n '__fish_seen_subcommand_from plan' -l rules -r -F
complete -c mape-proto -n '__fish_seen_subcommand_from plan' -l sh
complete -c mape-proto -n '__fish_seen_subcommand_from plan' -l uplink
complete -c mape-proto -n '__fish_seen_subcommand_from plan' -l uplink-mtu
complete -c mape-proto -n '__fish_seen_subcommand_from rules' -l json
complete -c mape-proto -n '__fish_seen_subcommand_from detect' -l apply
complete -c mape-proto -n '__fish_seen_subcommand_from detect' -l ask
complete -c mape-proto -n '__fish_seen_subcommand_from detect' -l ask-gateway
complete -c mape-proto -n '__fish_seen_subcommand_from detect' -l ca -r -F
complete -c mape-proto -n '__fish_seen_subcommand_from detect' -l ipaddr
complete -c mape-proto -n '__fish_seen_subcommand_from detect' -l json
complete -c mape-proto -n '__fish_seen_subcommand_from detect' -l name
complete -c mape-proto -n '__fish_seen_subcommand_from detect' -l prefix
complete -c mape-proto -n '__fish_seen_subcommand_from detect' -l tunnel-end
complete -c mape-proto -n '__fish_seen_subcommand_from doctor' -l ask-gateway
complete -c mape-proto -n '__fish_seen_subcommand_from doctor' -l config -r -F
complete -c mape-proto -n '__fish_seen_subcommand_from doctor' -l json
complete -c mape-proto -n '__fish_seen_subcommand_from doctor' -l masked
complete -c mape-proto -n '__fish_seen_subcommand_from doctor' -l target
complete -c mape-proto -n '__fish_seen_subcommand_from doctor' -l unmasked
complete -c mape-proto -n '__fish_seen_subcommand_from import' -l apply
complete -c mape-proto -n '__fish_seen_subcommand_from import' -l json
complete -c mape-proto -n '__fish_seen_subcommand_from import' -l prefix
complete -c mape-proto -n '__fish_seen_subcommand_from import' -l root -r -F
complete -c mape-proto -n '__fish_seen_subcommand_from status' -l config -r -F
complete -c mape-proto -n '__fish_seen_subcommand_from status' -l history
complete -c mape-proto -n '__fish_seen_subcommand_from status' -l json
complete -c mape-proto -n '__fish_seen_subcommand_from ports' -l free
complete -c mape-proto -n '__fish_seen_subcommand_from ports' -l json
complete -c mape-proto -n '__fish_seen_subcommand_from ports' -l ranges
complete -c mape-proto -n '__fish_seen_subcommand_from ports' -l used
complete -c mape-proto -n '__fish_seen_subcommand_from forward' -l dry-run
complete -c mape-proto -n '__fish_seen_subcommand_from forward' -l interface
complete -c mape-proto -n '__fish_seen_subcommand_from forward' -l json
complete -c mape-proto -n '__fish_seen_subcommand_from forward' -l name
complete -c mape-proto -n '__fish_seen_subcommand_from forward' -l port
complete -c mape-proto -n '__fish_seen_subcommand_from forward' -l proto -x -a 'tcp udp tcp,udp'
complete -c mape-proto -n '__fish_seen_subcommand_from forward' -l section
complete -c mape-proto -n '__fish_seen_subcommand_from forward' -a 'add list remove'
complete -c mape-proto -n '__fish_seen_subcommand_from firewall' -l forget
complete -c mape-proto -n '__fish_seen_subcommand_from firewall' -l json
complete -c mape-proto -n '__fish_seen_subcommand_from firewall' -l only-forget
complete -c mape-proto -n '__fish_seen_subcommand_from up' -l config -r -F
complete -c mape-proto -n '__fish_seen_subcommand_from up' -l dry-run
complete -c mape-proto -n '__fish_seen_subcommand_from down' -l config -r -F
complete -c mape-proto -n '__fish_seen_subcommand_from watch' -l config -r -F
complete -c mape-proto -n '__fish_seen_subcommand_from completion' -a 'bash fish zsh'
