// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";
import {JobRegistryBase} from "./JobRegistryBase.sol";

/// Sessions: adopted from SessionManager (sortition), or created with the dispatcher's signature (contracts reference 4.4, 4.5).
///
/// The dispatcher signs EIP-712 typed data of the domain {name: "LightChain JobRegistry", version: "1", chainId, verifyingContract};
/// `nonce` is `nonce(user)`, and each accepted signature uses one up.
// Uncertain on the live network: the layout of that digest.
abstract contract Sessions is JobRegistryBase {
    /// A wrapped session key: ephemeral point (65) + nonce (12) + key (32) + tag (16).
    uint256 private constant WRAPPED_KEY_BYTES = 125;

    bytes32 private constant DOMAIN_TYPE =
        keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");
    bytes32 private constant CREATE_TYPE = keccak256(
        "CreateSession(address user,bytes32 modelId,address worker,bytes encWorkerKey,bytes encDisputerKey,uint256 nonce,uint256 expiry)"
    );
    bytes32 private constant UPDATE_TYPE = keccak256(
        "UpdateSessionKey(address user,uint256 sessionId,address worker,bytes encWorkerKey,bytes encDisputerKey,uint256 nonce,uint256 expiry)"
    );

    mapping(address account => uint256) public nonce;
    /// Sessions that have a new worker and wait for its key.
    mapping(uint256 => bool) private _awaitsKey;

    function createSession(
        bytes32 modelId,
        address worker,
        bytes calldata encWorkerKey,
        bytes calldata encDisputerKey,
        bytes calldata dispatcherSignature,
        uint256 expiry
    ) external payable whenNotPaused nonReentrant returns (uint256 sessionId) {
        if (msg.value > 0) revert UnexpectedETH();
        if (!_config.isModelEnabled(modelId)) revert ModelDisabled(modelId);
        if (!_workers.isEligible(worker, modelId)) revert WorkerNotEligible(worker, modelId);
        _requireDispatcher(
            _structHash(CREATE_TYPE, modelId, worker, encWorkerKey, encDisputerKey, expiry), dispatcherSignature, expiry
        );
        sessionId = _open(msg.sender, modelId, worker, encWorkerKey, encDisputerKey);
        emit SessionCreated(sessionId, msg.sender, modelId, worker, encWorkerKey, encDisputerKey);
    }

    // Uncertain on the live network: whether SessionCreated is emitted too, and whether the worker must still be eligible. Here
    // neither: a claim binds until its request expires.
    function adoptSession(
        address user,
        bytes32 modelId,
        address worker,
        bytes calldata encWorkerKey,
        bytes calldata encDisputerKey
    ) external whenNotPaused nonReentrant returns (uint256 sessionId) {
        if (msg.sender != _config.getSessionManagerAddress()) revert NotSessionManager();
        if (!_config.getSortitionEnabled()) revert SortitionDisabled();
        if (!_workers.isWorkerRegistered(worker)) revert WorkerNotEligible(worker, modelId);
        sessionId = _open(user, modelId, worker, encWorkerKey, encDisputerKey);
        emit SessionAdopted(sessionId, user, worker);
    }

    // Uncertain on the live network: who may call this, and from which status. Here the owner, once a job of the session timed out.
    function reassignSession(uint256 sessionId) external whenNotPaused nonReentrant {
        Session storage session = _ownSession(sessionId, msg.sender);
        if (session.status != SessionStatus.Reassigning) revert SessionNotReassigning(sessionId);
        uint256 max = _config.getMaxReassignments();
        if (session.reassignCount >= max) revert MaxReassignmentsExceeded(sessionId, max);
        session.excludedWorkers.push(session.worker);
        uint256 seed = uint256(keccak256(abi.encode(blockhash(block.number - 1), sessionId)));
        try _workers.selectEligibleWorker(session.modelId, session.excludedWorkers, seed) returns (address worker) {
            session.worker = worker;
        } catch {
            revert NoAvailableWorker(session.modelId);
        }
        session.reassignCount++;
        _awaitsKey[sessionId] = true;
        emit SessionReassigned(sessionId, session.worker);
    }

    /// Gives the worker of the session another wrapped key: rotation while Active, the end of a reassignment while Reassigning.
    function updateSessionKey(
        uint256 sessionId,
        bytes calldata encWorkerKey,
        bytes calldata encDisputerKey,
        bytes calldata dispatcherSignature,
        uint256 expiry
    ) external whenNotPaused nonReentrant {
        Session storage session = _ownSession(sessionId, msg.sender);
        if (session.status == SessionStatus.Closed) revert SessionNotActive(sessionId);
        if (session.status == SessionStatus.Reassigning && !_awaitsKey[sessionId]) {
            revert SessionNotReassigning(sessionId);
        }
        _requireDispatcher(
            _structHash(UPDATE_TYPE, bytes32(sessionId), session.worker, encWorkerKey, encDisputerKey, expiry),
            dispatcherSignature,
            expiry
        );
        _setKeys(session, encWorkerKey, encDisputerKey);
        session.status = SessionStatus.Active;
        _awaitsKey[sessionId] = false;
        emit SessionKeyUpdated(sessionId, encWorkerKey, encDisputerKey);
    }

    function closeSession(uint256 sessionId) external whenNotPaused {
        Session storage session = _ownSession(sessionId, msg.sender);
        if (session.status == SessionStatus.Closed) revert SessionNotActive(sessionId);
        session.status = SessionStatus.Closed;
        emit SessionClosed(sessionId);
    }

    function getSession(uint256 sessionId) external view returns (Session memory) {
        return _session(sessionId);
    }

    /// A session takes jobs while it is Active and, where the network sets an inactivity limit, not idle for longer.
    function _requireActive(uint256 sessionId, Session storage session) internal view {
        uint256 limit = _config.getSessionInactivityTimeout();
        bool idle = limit > 0 && block.timestamp > session.lastActivityAt + limit;
        if (session.status != SessionStatus.Active || idle) revert SessionNotActive(sessionId);
    }

    /// A session whose worker failed: no jobs until it has another worker.
    function _needsAnotherWorker(uint256 sessionId, address failed) internal {
        Session storage session = _sessions[sessionId];
        if (session.status == SessionStatus.Active && session.worker == failed) {
            session.status = SessionStatus.Reassigning;
        }
    }

    function _open(
        address user,
        bytes32 modelId,
        address worker,
        bytes calldata encWorkerKey,
        bytes calldata encDisputerKey
    ) private returns (uint256 sessionId) {
        sessionId = ++_sessionCount;
        Session storage session = _sessions[sessionId];
        (session.user, session.modelId, session.worker) = (user, modelId, worker);
        _setKeys(session, encWorkerKey, encDisputerKey);
    }

    // Uncertain on the live network: whether the disputer's key may be empty. Here it may, as on a network without a disputer key.
    function _setKeys(Session storage session, bytes calldata encWorkerKey, bytes calldata encDisputerKey) private {
        if (encWorkerKey.length != WRAPPED_KEY_BYTES) revert InvalidSessionKey();
        if (encDisputerKey.length != 0 && encDisputerKey.length != WRAPPED_KEY_BYTES) revert InvalidSessionKey();
        session.encWorkerKey = encWorkerKey;
        session.encDisputerKey = encDisputerKey;
        session.lastActivityAt = block.timestamp;
    }

    /// `subject` is the model id of a new session, or the id of the session whose key changes.
    function _structHash(
        bytes32 typeHash,
        bytes32 subject,
        address worker,
        bytes calldata encWorkerKey,
        bytes calldata encDisputerKey,
        uint256 expiry
    ) private view returns (bytes32) {
        bytes32 workerKeyHash = keccak256(encWorkerKey);
        bytes32 disputerKeyHash = keccak256(encDisputerKey);
        return keccak256(
            abi.encode(
                typeHash, msg.sender, subject, worker, workerKeyHash, disputerKeyHash, nonce[msg.sender], expiry
            )
        );
    }

    function _requireDispatcher(bytes32 structHash, bytes calldata signature, uint256 expiry) private {
        if (block.timestamp > expiry) revert SignatureExpired(expiry, block.timestamp);
        bytes32 domain = keccak256(
            abi.encode(
                DOMAIN_TYPE, keccak256("LightChain JobRegistry"), keccak256("1"), block.chainid, address(this)
            )
        );
        bytes32 digest = MessageHashUtils.toTypedDataHash(domain, structHash);
        if (ECDSA.recover(digest, signature) != _config.getDispatcherAddress()) revert InvalidDispatcherSignature();
        nonce[msg.sender]++;
    }
}
