// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {OwnableUpgradeable} from "@openzeppelin/contracts-upgradeable/access/OwnableUpgradeable.sol";
import {PausableUpgradeable} from "@openzeppelin/contracts-upgradeable/utils/PausableUpgradeable.sol";
import {UUPSUpgradeable} from "@openzeppelin/contracts-upgradeable/proxy/utils/UUPSUpgradeable.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

/// Owner, guardian, pause and upgrade: what WorkerRegistry and JobRegistry share (contracts reference 4.12).
abstract contract Guarded is OwnableUpgradeable, PausableUpgradeable, ReentrancyGuardTransient, UUPSUpgradeable {
    error GuardianAlreadySunset();
    error NotGuardianOrOwner(address caller);
    error ZeroAddress();

    event GuardianUpdated(address indexed oldGuardian, address indexed newGuardian);

    /// Who may pause beside the owner; zero once sunset.
    address public guardian;

    function _initGuarded(address initialOwner, address initialGuardian) internal onlyInitializing {
        __Ownable_init(initialOwner);
        guardian = _nonZero(initialGuardian);
        emit GuardianUpdated(address(0), initialGuardian);
    }

    function pause() external {
        _onlyGuardianOrOwner();
        _pause();
    }

    // Uncertain on the live network: who may unpause. Here only the owner, so that a pause can outlast the guardian's mind.
    function unpause() external onlyOwner {
        _unpause();
    }

    // Uncertain on the live network: who may end the guardian's role. Here guardian or owner.
    function sunsetGuardian() external {
        if (guardian == address(0)) revert GuardianAlreadySunset();
        _onlyGuardianOrOwner();
        emit GuardianUpdated(guardian, address(0));
        guardian = address(0);
    }

    function _onlyGuardianOrOwner() private view {
        if (msg.sender != guardian && msg.sender != owner()) revert NotGuardianOrOwner(msg.sender);
    }

    function _nonZero(address account) internal pure returns (address) {
        if (account == address(0)) revert ZeroAddress();
        return account;
    }

    function _authorizeUpgrade(address) internal override onlyOwner {}
}
