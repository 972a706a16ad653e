netifd.add_proto({
	name: "mape",
});
