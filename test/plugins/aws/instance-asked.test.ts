import { expect, test } from "vitest";
import { encodedOnce, instanceAsked, metadataAsked, type Given } from "./instance-asked.js";

const asked = (more: Partial<Given>) => instanceAsked({ region: "r", ami: "ami-1", ...more }, "/dev/sda1", "token");

test("an instance is asked for with all that it was given", () => {
  expect(
    asked({
      ...{ instanceType: "g6.xlarge", availabilityZone: "z", subnetId: "s", vpcSecurityGroupIds: ["g"] },
      ...{ userData: "#!/bin/sh", iamInstanceProfile: "p", monitoring: true, disableApiTermination: true },
      rootBlockDevice: { volumeSize: 100, encrypted: true },
      instanceMarketOptions: { marketType: "spot", spotOptions: { spotInstanceType: "one-time" } },
      capacityReservationSpecification: { capacityReservationTarget: { capacityReservationId: "cr-1" } },
      ...{ tags: { a: "b" }, volumeTags: { c: "d" }, maintenanceOptions: { autoRecovery: "default" } },
    }),
  ).toMatchObject({
    ...{ ImageId: "ami-1", InstanceType: "g6.xlarge", MinCount: 1, MaxCount: 1, ClientToken: "token" },
    ...{ Placement: { AvailabilityZone: "z" }, SubnetId: "s", SecurityGroupIds: ["g"], Monitoring: { Enabled: true } },
    ...{ UserData: "IyEvYmluL3No", IamInstanceProfile: { Name: "p" }, DisableApiTermination: true },
    BlockDeviceMappings: [
      { DeviceName: "/dev/sda1", Ebs: { VolumeSize: 100, Encrypted: true, DeleteOnTermination: true } },
    ],
    InstanceMarketOptions: { MarketType: "spot", SpotOptions: { SpotInstanceType: "one-time" } },
    CapacityReservationSpecification: { CapacityReservationTarget: { CapacityReservationId: "cr-1" } },
    MaintenanceOptions: { AutoRecovery: "default" },
    TagSpecifications: [
      { ResourceType: "instance", Tags: [{ Key: "a", Value: "b" }] },
      { ResourceType: "volume", Tags: [{ Key: "c", Value: "d" }] },
    ],
  });
});

test("whether it has a public address is said of its network interface, with its network", () => {
  const { SubnetId, SecurityGroupIds, NetworkInterfaces } = asked({
    ...{ associatePublicIpAddress: false, subnetId: "s", vpcSecurityGroupIds: ["g"] },
  });
  expect([SubnetId, SecurityGroupIds]).toEqual([undefined, undefined]);
  expect(NetworkInterfaces).toEqual([
    { DeviceIndex: 0, AssociatePublicIpAddress: false, SubnetId: "s", Groups: ["g"] },
  ]);
});

test("user data is encoded once", () => {
  expect(encodedOnce("echo hello\n")).toBe("ZWNobyBoZWxsbwo=");
  expect(encodedOnce("ZWNobyBoZWxsbwo=")).toBe("ZWNobyBoZWxsbwo=");
});

test("of a metadata service that is off nothing else is said", () => {
  expect(metadataAsked({ httpTokens: "required" })).toMatchObject({ HttpEndpoint: "enabled", HttpTokens: "required" });
  expect(metadataAsked({ httpEndpoint: "disabled", httpTokens: "required" })).toEqual({ HttpEndpoint: "disabled" });
});
