// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {JobRegistryBase} from "./JobRegistryBase.sol";

/// A consumer's prepaid balance, who may spend it, and refunds that could not be sent (contracts reference 4.9).
abstract contract PrepaidBalances is JobRegistryBase {
    mapping(address user => mapping(address delegate => bool)) public isDelegateAuthorized;
    /// Stays as it is when the authorisation is revoked.
    mapping(address user => mapping(address delegate => uint256)) public delegateAllowance;

    function deposit() external payable whenNotPaused nonReentrant {
        _deposit();
    }

    function depositAndAuthorize(address delegate) external payable whenNotPaused nonReentrant {
        _deposit();
        _authorize(delegate, true);
        _allow(delegate, delegateAllowance[msg.sender][delegate] + msg.value);
    }

    function withdrawBalance(uint256 amount) external whenNotPaused nonReentrant {
        _spend(msg.sender, amount);
        emit Withdrew(msg.sender, amount, prepaidBalanceOf[msg.sender]);
        _pay(msg.sender, amount);
    }

    function setDelegateAuthorization(address delegate, bool authorized) external whenNotPaused {
        _authorize(delegate, authorized);
    }

    function setDelegateAllowance(address delegate, uint256 allowance) external whenNotPaused {
        _allow(delegate, allowance);
    }

    function claimRefund() external whenNotPaused nonReentrant {
        uint256 amount = pendingRefund[msg.sender];
        if (amount == 0) revert NoPendingRefund(msg.sender);
        pendingRefund[msg.sender] = 0;
        emit RefundClaimed(msg.sender, amount);
        _pay(msg.sender, amount);
    }

    /// Takes a fee that `delegate` spends for `user`: needs authorisation, allowance and balance.
    function _spendAsDelegate(address user, address delegate, uint256 amount) internal {
        uint256 allowance = delegateAllowance[user][delegate];
        if (allowance < amount) revert InsufficientDelegateAllowance(user, delegate, amount, allowance);
        _spend(user, amount);
        delegateAllowance[user][delegate] = allowance - amount;
    }

    function _requireDelegate(address user, address delegate) internal view {
        if (!isDelegateAuthorized[user][delegate]) revert NotAuthorizedDelegate(user, delegate);
    }

    function _spend(address user, uint256 amount) private {
        uint256 balance = prepaidBalanceOf[user];
        if (balance < amount) revert InsufficientBalance(user, amount, balance);
        prepaidBalanceOf[user] = balance - amount;
    }

    function _deposit() private {
        if (msg.value == 0) revert ZeroDeposit();
        prepaidBalanceOf[msg.sender] += msg.value;
        emit Deposited(msg.sender, msg.value, prepaidBalanceOf[msg.sender]);
    }

    function _authorize(address delegate, bool authorized) private {
        isDelegateAuthorized[msg.sender][_nonZero(delegate)] = authorized;
        emit DelegateAuthorizationSet(msg.sender, delegate, authorized);
    }

    function _allow(address delegate, uint256 allowance) private {
        delegateAllowance[msg.sender][_nonZero(delegate)] = allowance;
        emit DelegateAllowanceSet(msg.sender, delegate, allowance);
    }
}
