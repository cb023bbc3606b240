import type { RunInstancesCommandInput } from "@aws-sdk/client-ec2";
import type { Tags } from "./tags.js";
import { taggedAs } from "./tags.js";

/** Arguments of an instance as far as this stand-in does them. */
export interface Given {
  readonly region: string;
  readonly ami: string;
  readonly instanceType?: string;
  readonly subnetId?: string;
  readonly availabilityZone?: string;
  readonly vpcSecurityGroupIds?: string[];
  readonly associatePublicIpAddress?: boolean;
  readonly iamInstanceProfile?: string;
  readonly userData?: string;
  readonly userDataReplaceOnChange?: boolean;
  readonly metadataOptions?: MetadataOptions;
  readonly rootBlockDevice?: RootDevice;
  readonly instanceMarketOptions?: {
    readonly marketType?: string;
    readonly spotOptions?: {
      readonly instanceInterruptionBehavior?: string;
      readonly maxPrice?: string;
      readonly spotInstanceType?: string;
      readonly validUntil?: string;
    };
  };
  readonly instanceInitiatedShutdownBehavior?: string;
  readonly ebsOptimized?: boolean;
  readonly monitoring?: boolean;
  readonly maintenanceOptions?: { readonly autoRecovery?: string };
  readonly disableApiTermination?: boolean;
  readonly forceDestroy?: boolean;
  readonly capacityReservationSpecification?: Reservation;
  readonly tags?: Tags;
  readonly volumeTags?: Tags;
}
export interface MetadataOptions {
  readonly httpEndpoint?: string;
  readonly httpProtocolIpv6?: string;
  readonly httpPutResponseHopLimit?: number;
  readonly httpTokens?: string;
  readonly instanceMetadataTags?: string;
}
export interface RootDevice {
  readonly deleteOnTermination?: boolean;
  readonly encrypted?: boolean;
  readonly iops?: number;
  readonly kmsKeyId?: string;
  readonly tags?: Tags;
  readonly throughput?: number;
  readonly volumeSize?: number;
  readonly volumeType?: string;
}
export interface Reservation {
  readonly capacityReservationPreference?: string;
  readonly capacityReservationTarget?: {
    readonly capacityReservationId?: string;
    readonly capacityReservationResourceGroupArn?: string;
  };
}

/** What of {@link Given} is done. */
export const given = [
  ...["ami", "instanceType", "subnetId", "availabilityZone", "vpcSecurityGroupIds", "associatePublicIpAddress"],
  ...["iamInstanceProfile", "userData", "userDataReplaceOnChange", "metadataOptions", "instanceMarketOptions"],
  ...["deleteOnTermination", "encrypted", "iops", "kmsKeyId", "tags", "throughput", "volumeSize", "volumeType"].map(
    (name) => `rootBlockDevice.${name}`,
  ),
  ...["instanceInitiatedShutdownBehavior", "ebsOptimized", "monitoring", "maintenanceOptions", "forceDestroy"],
  ...["disableApiTermination", "capacityReservationSpecification", "tags", "volumeTags"],
];

/**
 * What AWS is asked for an instance (`buildInstanceOpts`). The SDK leaves out what is not defined. Pure.
 * @param rootName the image's root device, which settings of it go by
 */
export function instanceAsked(want: Given, rootName: string, token: string): RunInstancesCommandInput {
  const { subnetId: SubnetId, vpcSecurityGroupIds: Groups, associatePublicIpAddress } = want;
  const network =
    associatePublicIpAddress === undefined
      ? { SubnetId, SecurityGroupIds: Groups }
      : {
          NetworkInterfaces: [{ DeviceIndex: 0, AssociatePublicIpAddress: associatePublicIpAddress, SubnetId, Groups }],
        };
  const { instanceMarketOptions: market, metadataOptions: metadata, rootBlockDevice: root } = want;
  const tags = [taggedAs("instance", want.tags ?? {}), taggedAs("volume", want.volumeTags ?? {})];
  return {
    ...{ MinCount: 1, MaxCount: 1, ClientToken: token, ImageId: want.ami },
    InstanceType: want.instanceType as RunInstancesCommandInput["InstanceType"],
    ...network,
    Placement: want.availabilityZone === undefined ? undefined : { AvailabilityZone: want.availabilityZone },
    IamInstanceProfile: want.iamInstanceProfile === undefined ? undefined : { Name: want.iamInstanceProfile },
    UserData: want.userData === undefined ? undefined : encodedOnce(want.userData),
    MetadataOptions: metadata === undefined ? undefined : metadataAsked(metadata),
    BlockDeviceMappings: root === undefined ? undefined : [{ DeviceName: rootName, Ebs: rootAsked(root) }],
    InstanceMarketOptions: market === undefined ? undefined : marketAsked(market),
    InstanceInitiatedShutdownBehavior: want.instanceInitiatedShutdownBehavior as "stop" | undefined,
    EbsOptimized: want.ebsOptimized,
    Monitoring: want.monitoring === undefined ? undefined : { Enabled: want.monitoring },
    MaintenanceOptions:
      want.maintenanceOptions === undefined
        ? undefined
        : { AutoRecovery: want.maintenanceOptions.autoRecovery as "default" | undefined },
    DisableApiTermination: want.disableApiTermination,
    CapacityReservationSpecification:
      want.capacityReservationSpecification === undefined
        ? undefined
        : reservationAsked(want.capacityReservationSpecification),
    TagSpecifications: tags.flatMap(({ TagSpecifications = [] }) => TagSpecifications),
  };
}

/** Text that is base64 already goes as it is. */
export function encodedOnce(text: string): string {
  const compact = text.replace(/[\r\n]/g, "");
  const isEncoded = compact.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(compact);
  return isEncoded ? text : Buffer.from(text).toString("base64");
}

/** Where the metadata service is off, nothing else may be said of it. */
export function metadataAsked({ httpEndpoint = "enabled", ...options }: MetadataOptions) {
  const HttpEndpoint = httpEndpoint as "enabled";
  if (httpEndpoint !== "enabled") return { HttpEndpoint };
  return {
    HttpEndpoint,
    HttpProtocolIpv6: options.httpProtocolIpv6 as "enabled" | undefined,
    HttpPutResponseHopLimit: options.httpPutResponseHopLimit,
    HttpTokens: options.httpTokens as "required" | undefined,
    InstanceMetadataTags: options.instanceMetadataTags as "enabled" | undefined,
  };
}

export function reservationAsked({ capacityReservationPreference, capacityReservationTarget: target }: Reservation) {
  return {
    CapacityReservationPreference: capacityReservationPreference as "none" | undefined,
    CapacityReservationTarget:
      target === undefined
        ? undefined
        : {
            CapacityReservationId: target.capacityReservationId,
            CapacityReservationResourceGroupArn: target.capacityReservationResourceGroupArn,
          },
  };
}

const rootAsked = (root: RootDevice) => ({
  DeleteOnTermination: root.deleteOnTermination ?? true,
  Encrypted: root.encrypted,
  Iops: root.iops,
  KmsKeyId: root.kmsKeyId,
  Throughput: root.throughput,
  VolumeSize: root.volumeSize,
  VolumeType: root.volumeType as "gp3" | undefined,
});

const marketAsked = ({ marketType, spotOptions: spot }: NonNullable<Given["instanceMarketOptions"]>) => ({
  MarketType: marketType as "spot" | undefined,
  SpotOptions:
    spot === undefined
      ? undefined
      : {
          InstanceInterruptionBehavior: spot.instanceInterruptionBehavior as "stop" | undefined,
          MaxPrice: spot.maxPrice,
          SpotInstanceType: spot.spotInstanceType as "one-time" | undefined,
          ValidUntil: spot.validUntil === undefined ? undefined : new Date(spot.validUntil),
        },
});
