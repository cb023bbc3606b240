// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {Older} from "./Older.sol";

/// AIConfig without the getters that came with sortition and keepers (contracts reference 5.1).
contract AIConfigBeforeSortition is Older {
    constructor(address present) Older(present) {}

    function _lacks(bytes4 selector) internal pure override returns (bool) {
        return selector == bytes4(keccak256("getSortitionEnabled()"))
            || selector == bytes4(keccak256("getClaimWindowBlocks()"))
            || selector == bytes4(keccak256("getMaxConcurrentJobs()"))
            || selector == bytes4(keccak256("getSessionManagerAddress()"))
            || selector == bytes4(keccak256("getTimeoutBountyBps()"))
            || selector == bytes4(keccak256("getReleaseBountyBps()"));
    }
}
