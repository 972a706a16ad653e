# bash completion for mape-proto
_mape_proto() {
    local offers=
    case ${COMP_WORDS[COMP_CWORD-1]} in
    --color) offers='auto always never' ;;
    --edge) offers='auto netdev postrouting plain' ;;
    --layout) offers='draft03 rfc7597' ;;
    --proto) offers='tcp udp tcp,udp' ;;
    --provider) offers='auto v6plus ocn biglobe nuro manual' ;;
    --ca|--config|--dir|--root|--rules)
        COMPREPLY=()
        return ;;
    *)
        case $COMP_CWORD:${COMP_WORDS[1]} in
        1:*) offers='plan rules detect doctor import status ports forward firewall up down watch completion --help --version' ;;
        *:plan) offers='--device --dir --edge --full-cone --ifupdown --json --layout --nft --provider --reserve --rule --rules --sh --uplink --uplink-mtu' ;;
        *:rules) offers='--json' ;;
        *:detect) offers='--apply --ask --ask-gateway --ca --ipaddr --json --name --prefix --tunnel-end' ;;
        *:doctor) offers='--ask-gateway --config --json --masked --target --unmasked' ;;
        *:import) offers='--apply --json --prefix --root' ;;
        *:status) offers='--config --history --json' ;;
        *:ports) offers='--free --json --ranges --used' ;;
        *:forward) offers='--dry-run --interface --json --name --port --proto --section add list remove' ;;
        *:firewall) offers='--forget --json --only-forget' ;;
        *:up) offers='--config --dry-run' ;;
        *:down) offers='--config' ;;
        *:watch) offers='--config' ;;
        *:completion) offers='bash fish zsh' ;;
        esac ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$offers" -- "${COMP_WORDS[COMP_CWORD]}")
}
complete -o default -F _mape_proto mape-proto
