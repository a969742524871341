-- Wireshark dissector for ZooKeeper's client protocol, for captures of the wire and those of `zoogate tap --pcapng`.
--
--   wireshark -X lua_script:zookeeper.lua capture.pcapng
--   tshark -X lua_script:zookeeper.lua -r capture.pcapng -Y 'zookeeper.error != 0'
--
-- It reads handshakes, headers of requests and replies, the path of requests that begin with one, and watch events.
-- Replies are matched with their requests by xid. Frames may be cut off: what is not there is not shown. Passwords,
-- credentials and node data are not shown. The port is a preference; other ports by "Decode as".

local zookeeper = Proto("zookeeper", "ZooKeeper")

local operations = {
  [0] = "notification", [1] = "create", [2] = "delete", [3] = "exists", [4] = "getData", [5] = "setData",
  [6] = "getACL", [7] = "setACL", [8] = "getChildren", [9] = "sync", [11] = "ping", [12] = "getChildren2",
  [13] = "check", [14] = "multi", [15] = "create2", [16] = "reconfig", [17] = "checkWatches",
  [18] = "removeWatches", [19] = "createContainer", [20] = "deleteContainer", [21] = "createTTL",
  [22] = "multiRead", [100] = "auth", [101] = "setWatches", [102] = "sasl", [103] = "getEphemerals",
  [104] = "getAllChildrenNumber", [105] = "setWatches2", [106] = "addWatch", [107] = "whoAmI",
  [-10] = "createSession", [-11] = "closeSession", [-1] = "error",
}

local errors = {
  [0] = "OK", [-1] = "SYSTEMERROR", [-2] = "RUNTIMEINCONSISTENCY", [-3] = "DATAINCONSISTENCY",
  [-4] = "CONNECTIONLOSS", [-5] = "MARSHALLINGERROR", [-6] = "UNIMPLEMENTED", [-7] = "OPERATIONTIMEOUT",
  [-8] = "BADARGUMENTS", [-10] = "OUTOFMEMORY", [-12] = "UNKNOWNSESSION", [-13] = "NEWCONFIGNOQUORUM",
  [-14] = "RECONFIGINPROGRESS", [-100] = "APIERROR", [-101] = "NONODE", [-102] = "NOAUTH", [-103] = "BADVERSION",
  [-108] = "NOCHILDRENFOREPHEMERALS", [-110] = "NODEEXISTS", [-111] = "NOTEMPTY", [-112] = "SESSIONEXPIRED",
  [-113] = "INVALIDCALLBACK", [-114] = "INVALIDACL", [-115] = "AUTHFAILED", [-118] = "SESSIONMOVED",
  [-119] = "NOTREADONLY", [-120] = "EPHEMERALONLOCALSESSION", [-121] = "NOWATCHER", [-122] = "REQUESTTIMEOUT",
  [-123] = "RECONFIGDISABLED", [-124] = "SESSIONCLOSEDREQUIRESASLAUTH", [-125] = "QUOTAEXCEEDED",
  [-127] = "THROTTLEDOP",
}

local events = { [-1] = "none", [1] = "created", [2] = "deleted", [3] = "data changed", [4] = "children changed" }

-- Operations whose request has the path right behind its header.
local path_first = {}
for _, code in ipairs({ 1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 13, 15, 17, 18, 19, 20, 21, 103, 104, 106 }) do
  path_first[code] = true
end

local fields = {
  kind = ProtoField.string("zookeeper.kind", "Kind"),
  len = ProtoField.int32("zookeeper.len", "Length"),
  xid = ProtoField.int32("zookeeper.xid", "Xid"),
  op = ProtoField.int32("zookeeper.op", "Operation", base.DEC, operations),
  path = ProtoField.string("zookeeper.path", "Path"),
  error = ProtoField.int32("zookeeper.error", "Error", base.DEC, errors),
  zxid = ProtoField.uint64("zookeeper.zxid", "Zxid", base.HEX),
  session = ProtoField.uint64("zookeeper.session", "Session", base.HEX),
  timeout = ProtoField.int32("zookeeper.timeout", "Timeout (ms)"),
  version = ProtoField.int32("zookeeper.version", "Protocol version"),
  read_only = ProtoField.bool("zookeeper.read_only", "Read-only"),
  event = ProtoField.int32("zookeeper.event", "Event", base.DEC, events),
  state = ProtoField.int32("zookeeper.state", "State"),
  request = ProtoField.framenum("zookeeper.request", "Request in", base.NONE, frametype.REQUEST),
  reply = ProtoField.framenum("zookeeper.reply", "Reply in", base.NONE, frametype.RESPONSE),
  latency = ProtoField.relative_time("zookeeper.latency", "Latency"),
}
zookeeper.fields = fields

zookeeper.prefs.port = Pref.uint("TCP port", 2181, "Where ZooKeeper listens")

-- By connection: which end is the client, whether the handshake's two frames were seen, and the requests by xid.
local connections = {}
-- By packet and place of a frame in it: what it was taken for at the first look. Wireshark looks at packets again and
-- in any order.
local known = {}

function zookeeper.init()
  connections = {}
  known = {}
end

local address_of = { src = Field.new("tcp.srcport"), dst = Field.new("tcp.dstport"), stream = Field.new("tcp.stream") }

local function connection_of(pinfo)
  local stream = address_of.stream().value
  local one = connections[stream]
  if not one then
    one = { requests = {}, asked = false, answered = false }
    connections[stream] = one
  end
  return one
end

-- Whether a packet comes from the client: the server is at the port that is known, or is the end that the first packet
-- with a handshake goes to.
local function from_client(pinfo, connection)
  if connection.client then return pinfo.src_port == connection.client end
  return pinfo.dst_port == zookeeper.prefs.port
end

-- A string of jute: its length and its bytes, as far as they are there.
local function add_text(tree, field, buffer, offset)
  if buffer:len() < offset + 4 then return nil end
  local len = buffer(offset, 4):int()
  if len < 0 then return "" end
  local there = math.min(len, buffer:len() - offset - 4)
  if there == 0 then return "" end
  local bytes = buffer(offset + 4, there)
  tree:add(field, bytes)
  return bytes:string()
end

local function add_kind(tree, kind)
  tree:add(fields.kind, kind):set_generated()
  return kind
end

local function hexadecimal(bytes)
  local digits = bytes:uint64():tohex():gsub("^0+", "")
  return "0x" .. (digits == "" and "0" or digits)
end

local function connect_request(buffer, tree)
  tree:add(fields.version, buffer(4, 4))
  tree:add(fields.zxid, buffer(8, 8))
  tree:add(fields.timeout, buffer(16, 4))
  tree:add(fields.session, buffer(20, 8))
  if buffer:len() >= 49 then tree:add(fields.read_only, buffer(48, 1)) end
  add_kind(tree, "connect request")
  return "Connect session " .. hexadecimal(buffer(20, 8))
end

local function connect_response(buffer, tree)
  tree:add(fields.version, buffer(4, 4))
  tree:add(fields.timeout, buffer(8, 4))
  tree:add(fields.session, buffer(12, 8))
  if buffer:len() >= 41 then tree:add(fields.read_only, buffer(40, 1)) end
  add_kind(tree, "connect response")
  if buffer(8, 4):int() <= 0 then return "Session refused" end
  return "Session " .. hexadecimal(buffer(12, 8))
end

local function request(buffer, tree, connection, pinfo, first_look)
  local xid, op = buffer(4, 4):int(), buffer(8, 4):int()
  tree:add(fields.xid, buffer(4, 4))
  tree:add(fields.op, buffer(8, 4))
  local path = nil
  if path_first[op] then path = add_text(tree, fields.path, buffer, 12) end
  add_kind(tree, "request")
  if first_look then
    local entry = { op = op, path = path, number = pinfo.number, time = pinfo.abs_ts }
    local waiting = connection.requests[xid] or {}
    table.insert(waiting, entry)
    connection.requests[xid] = waiting
    return entry
  end
end

local function watch_event(buffer, tree)
  if buffer:len() < 28 then return "Watch" end
  tree:add(fields.event, buffer(20, 4))
  tree:add(fields.state, buffer(24, 4))
  local path = add_text(tree, fields.path, buffer, 28)
  return "Watch " .. (events[buffer(20, 4):int()] or "event") .. " " .. (path or "")
end

-- What a frame is, found at the first look and kept.
local function classify(buffer, pinfo, connection, client)
  if client then
    if not connection.asked and buffer:len() >= 28 and buffer(4, 4):int() == 0 and buffer(0, 4):int() >= 44 then
      connection.asked = true
      connection.client = pinfo.src_port
      return { kind = "connect request" }
    end
    return { kind = "request" }
  end
  if connection.asked and not connection.answered and buffer:len() >= 20 then
    connection.answered = true
    return { kind = "connect response" }
  end
  if buffer(4, 4):int() == -1 then return { kind = "watch event" } end
  local waiting = connection.requests[buffer(4, 4):int()]
  return { kind = "reply", request = waiting and table.remove(waiting, 1) }
end

local function dissect_frame(buffer, pinfo, root, place)
  local tree = root:add(zookeeper, buffer())
  tree:add(fields.len, buffer(0, 4))
  if buffer:len() < 8 then return "Cut off" end
  local connection = connection_of(pinfo)
  local client = from_client(pinfo, connection)
  local key = pinfo.number .. ":" .. place
  local what = known[key]
  local first_look = what == nil
  if first_look then
    what = classify(buffer, pinfo, connection, client)
    known[key] = what
  end
  if what.kind == "connect request" then return connect_request(buffer, tree) end
  if what.kind == "connect response" then return connect_response(buffer, tree) end
  if what.kind == "request" then
    if buffer:len() < 12 then return "Cut off" end
    local entry = request(buffer, tree, connection, pinfo, first_look)
    what.entry = what.entry or entry
    if what.entry and what.entry.reply then
      tree:add(fields.reply, what.entry.reply):set_generated()
    end
    local op = buffer(8, 4):int()
    return (operations[op] or ("op " .. op)) .. " " .. ((what.entry and what.entry.path) or "")
  end
  if buffer:len() < 20 then return "Cut off" end
  tree:add(fields.xid, buffer(4, 4))
  tree:add(fields.zxid, buffer(8, 8))
  tree:add(fields.error, buffer(16, 4))
  add_kind(tree, what.kind)
  if what.kind == "watch event" then return watch_event(buffer, tree) end
  local text = errors[buffer(16, 4):int()] or ("error " .. buffer(16, 4):int())
  local entry = what.request
  if not entry then return "Reply " .. text end
  entry.reply = pinfo.number
  tree:add(fields.op, entry.op):set_generated()
  if entry.path then tree:add(fields.path, entry.path):set_generated() end
  tree:add(fields.request, entry.number):set_generated()
  local seconds = pinfo.abs_ts - entry.time
  if seconds >= 0 then
    local whole = math.floor(seconds)
    local nanos = math.floor((seconds - whole) * 1e9 + 0.5)
    tree:add(fields.latency, NSTime.new(whole, nanos)):set_generated()
  end
  return "Reply to " .. (operations[entry.op] or entry.op) .. " " .. text
end

-- Bytes of frames that are longer than this are no frames.
local LONGEST = 64 * 1024 * 1024

function zookeeper.dissector(buffer, pinfo, root)
  local offset, texts = 0, {}
  pinfo.cols.protocol = "ZooKeeper"
  while offset < buffer:len() do
    local there = buffer:len() - offset
    if there < 4 then
      pinfo.desegment_offset, pinfo.desegment_len = offset, DESEGMENT_ONE_MORE_SEGMENT
      break
    end
    local len = buffer(offset, 4):int()
    if len < 0 or len > LONGEST then break end
    local whole = len + 4
    -- A packet that is cut off in the file cannot be put together with the next one.
    if there < whole and buffer:reported_length_remaining(offset) < whole and buffer:len() == buffer:reported_len() then
      pinfo.desegment_offset, pinfo.desegment_len = offset, whole - there
      break
    end
    table.insert(texts, dissect_frame(buffer(offset, math.min(whole, there)):tvb(), pinfo, root, offset))
    offset = offset + whole
  end
  if #texts > 0 then pinfo.cols.info = table.concat(texts, "; ") end
  return buffer:len()
end

local ports = DissectorTable.get("tcp.port")
ports:add(zookeeper.prefs.port, zookeeper)
local registered = zookeeper.prefs.port

function zookeeper.prefs_changed()
  if registered ~= zookeeper.prefs.port then
    ports:remove(registered, zookeeper)
    registered = zookeeper.prefs.port
    ports:add(registered, zookeeper)
  end
end
