# NixOS module: docs/neighbours.md describes it.
{ config, lib, pkgs, ... }:
let
  cfg = config.services.mape-rs;
  package = pkgs.rustPlatform.buildRustPackage {
    pname = "mape-rs";
    version = "0.1.0";
    src = ../../..;
    cargoLock.lockFile = ../../../Cargo.lock;
    cargoBuildFlags = [ "--package" "mape-proto" ];
    # The tests need root, network namespaces and a clone.
    doCheck = false;
    meta.mainProgram = "mape-proto";
  };
  lines = lib.mapAttrsToList (name: value: "${name} ${toString value}") cfg.settings;
  fromRelay = "ip6 saddr ${cfg.borderRelay} meta l4proto 4 accept";
in
{
  options.services.mape-rs = {
    enable = lib.mkEnableOption "IPv4 over the line's IPv6 by MAP-E";
    package = lib.mkOption {
      type = lib.types.package;
      default = package;
      description = "The package with mape-proto.";
    };
    settings = lib.mkOption {
      type = with lib.types; attrsOf (oneOf [ str int ]);
      default = { };
      description = "Options of /etc/mape-rs.conf. Every user can read them.";
    };
    configFile = lib.mkOption {
      type = lib.types.path;
      default = pkgs.writeText "mape-rs.conf" (lib.concatLines lines);
      description = "The configuration file, instead of settings.";
    };
    borderRelay = lib.mkOption {
      type = lib.types.nullOr lib.types.str;
      default = null;
      description = "Address of the BR whose packets the firewall of NixOS accepts.";
    };
  };

  config = lib.mkIf cfg.enable {
    environment.systemPackages = [ cfg.package ];
    environment.etc."mape-rs.conf".source = cfg.configFile;
    boot.kernelModules = [ "ip6_tunnel" "nf_tables" ];
    boot.kernel.sysctl."net.ipv4.ip_forward" = lib.mkDefault 1;
    networking.firewall = lib.mkIf (cfg.borderRelay != null) {
      extraInputRules = lib.mkIf config.networking.nftables.enable fromRelay;
      extraCommands = lib.mkIf (!config.networking.nftables.enable)
        "ip6tables -I nixos-fw -s ${cfg.borderRelay} -p 4 -j nixos-fw-accept";
    };
    systemd.services.mape-rs = {
      description = "MAP-E: IPv4 over the line's IPv6";
      wantedBy = [ "multi-user.target" ];
      wants = [ "network.target" ];
      after = [ "network.target" "nftables.service" "firewall.service" ];
      path = [ pkgs.iproute2 pkgs.nftables pkgs.curl ];
      restartTriggers = [ cfg.configFile ];
      serviceConfig = {
        ExecStart = "${lib.getExe cfg.package} watch";
        # After a crash the line stays; after a stop it goes.
        ExecStopPost = pkgs.writeShellScript "mape-rs-stop" ''
          [ "$SERVICE_RESULT" != success ] || exec ${lib.getExe cfg.package} down
        '';
        Restart = "always";
        RestartSec = 5;
        StateDirectory = "mape-rs";
        StateDirectoryMode = "0700";
        CapabilityBoundingSet = "CAP_NET_ADMIN";
        NoNewPrivileges = true;
      };
    };
  };
}
