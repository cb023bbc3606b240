// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {OwnableUpgradeable} from "@openzeppelin/contracts-upgradeable/access/OwnableUpgradeable.sol";
import {UUPSUpgradeable} from "@openzeppelin/contracts-upgradeable/proxy/utils/UUPSUpgradeable.sol";

/// An older implementation, told by how it differs from the present one: whatever it does not answer itself goes on to that, with the same storage.
abstract contract Older is OwnableUpgradeable, UUPSUpgradeable {
    address private immutable _present;

    constructor(address present) {
        _disableInitializers();
        _present = present;
    }

    fallback() external payable {
        if (_lacks(msg.sig)) {
            // As a contract that has no such function.
            assembly {
                revert(0, 0)
            }
        }
        bytes memory answer = _askPresent();
        assembly {
            return(add(answer, 32), mload(answer))
        }
    }

    /// Whether the older implementation has no function of this selector.
    function _lacks(bytes4 selector) internal pure virtual returns (bool);

    /// What the present implementation says to this very call; its revert is ours.
    function _askPresent() internal returns (bytes memory answer) {
        bool done;
        (done, answer) = _present.delegatecall(msg.data);
        if (done) return answer;
        assembly {
            revert(add(answer, 32), mload(answer))
        }
    }

    function _authorizeUpgrade(address) internal override onlyOwner {}
}
