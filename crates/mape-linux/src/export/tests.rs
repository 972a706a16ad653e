use super::unit_of_device;

#[test]
fn units_have_systemds_names() {
    assert_eq!(unit_of_device("mape-wan"), "sys-subsystem-net-devices-mape\\x2dwan.device");
    assert_eq!(unit_of_device("eth0.7"), "sys-subsystem-net-devices-eth0.7.device");
}
