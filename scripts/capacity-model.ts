/**
 * What a fleet of sidecars sends, and what takes it: arithmetic over measured figures of one unit and
 * the published rules of the backends. Every figure that is not our own names where it is from.
 */

/** Series of one sidecar, of each of its parts. */
export interface SeriesFigures {
  /** Of the sidecar itself, whatever it stands in front of. */
  readonly sidecar: number
  /** Of an upstream that nobody has called. */
  readonly upstreamIdle: number
  /** Of an upstream in use, without its tools. */
  readonly upstreamUsed: number
  /** More for each tool that was called. */
  readonly tool: number
  /** More for each tool and kind of error that it ended in. */
  readonly toolError: number
}

/** Measured on a real sidecar; `test/docs/capacity.test.ts` measures it again. */
export interface CapacityFigures {
  readonly series: {
    readonly classic: SeriesFigures
    /** With one series for a whole histogram: exponential histograms by OTLP. */
    readonly native: SeriesFigures
    /** Bytes of a scrape for each series in it, OpenMetrics. */
    readonly bytes: number
    readonly gzippedBytes: number
  }
  /** OTLP protobuf, in batches. */
  readonly spans: {
    readonly perCall: number
    readonly bytes: number
    readonly gzippedBytes: number
  }
  /** Of a call that ends before its record is written, as nearly all do. */
  readonly audit: { readonly callBytes: number }
  /** JSON lines: of any call at level debug, and of a call that the upstream failed at level info. */
  readonly log: { readonly callBytes: number; readonly failureBytes: number }
}

/** Measured by `node bench/capacity-prometheus.ts`. */
export interface PrometheusFigures {
  readonly version: string
  readonly series: number
  /** Of the process, for each series in its head. */
  readonly residentBytesPerSeries: number
  readonly cpuMicrosPerSample: number
}

export interface Fleet {
  readonly pods: number
  /** Of each pod. */
  readonly upstreams: number
  /** In use, of each upstream. */
  readonly tools: number
  /** Tools and kinds of errors that they ended in, of each upstream. */
  readonly errorKinds: number
  /** A second, of each pod. */
  readonly calls: number
  /** Share of calls that are traced, 0 to 1. */
  readonly sampling: number
  /** Share of calls that the upstream fails, which are logged. */
  readonly failing: number
  readonly scrapeSeconds: number
  readonly podsPerNode: number
  readonly histograms: 'classic' | 'native'
}

export const FLEET_DEFAULTS: Fleet = {
  pods: 100,
  upstreams: 3,
  tools: 5,
  errorKinds: 2,
  calls: 0.5,
  sampling: 1,
  failing: 0.01,
  scrapeSeconds: 30,
  podsPerNode: 30,
  histograms: 'classic',
}

/** Rules of others, with their sources in docs/capacity.md. */
export const RULES = {
  /** OpenTelemetry Collector with tail sampling, measured by its makers for a core; old, see the page. */
  collectorSpansPerCore: 8_000,
  collectorCores: 2,
  /** Share of what a collector can take that it is planned for. */
  collectorLoad: 0.6,
  /** otel/collector-gateway.yaml. */
  tailTraces: 100_000,
  tailWaitSeconds: 35,
  tailBytesPerSpan: 2_000,
  /** Grafana Mimir, planning capacity. */
  mimirSamplesPerDistributorCore: 25_000,
  mimirSeriesPerIngesterCore: 300_000,
  mimirGigabytesPerIngesterCore: 2.5,
  mimirReplication: 3,
  /** Grafana Tempo, sizing: bytes a second that one distributor takes. */
  tempoBytesPerDistributor: 10_000_000,
  /** The default of `audit.retention`. */
  auditRetentionDays: 400,
  /** Prometheus: bytes of a sample on disk, the upper end of what its documentation says. */
  prometheusDiskBytesPerSample: 2,
  prometheusRetentionDays: 15,
  /** Room for queries, rules and the compaction of the head. */
  prometheusHeadroom: 2,
  /** Memory that one Prometheus is given here before it is divided. */
  prometheusBytesMax: 64e9,
} as const

export interface Load {
  readonly seriesPerPod: number
  readonly series: number
  readonly samplesPerSecond: number
  readonly scrapeBytesPerSecond: number
  readonly callsPerSecond: number
  readonly spansPerSecond: number
  readonly spanBytesPerSecond: number
  readonly spanBytesPerDay: number
  readonly auditBytesPerPodDay: number
  /** What is kept when `audit.retention` is its default. */
  readonly auditBytesPerPodKept: number
  readonly auditBytesPerDay: number
  readonly logBytesPerDay: number
  readonly nodes: number
  readonly gateways: number
  readonly gatewayBytesEach: number
  readonly prometheus: {
    readonly bytes: number
    readonly cores: number
    readonly diskBytes: number
    /** How many of at most `prometheusBytesMax`. */
    readonly servers: number
  }
  readonly mimir: {
    readonly distributorCores: number
    readonly ingesterCores: number
    readonly ingesterBytes: number
  }
  readonly tempoDistributors: number
}

const DAY_SECONDS = 86_400

export function seriesPerPod(figures: SeriesFigures, fleet: Fleet): number {
  const { upstreams, tools, errorKinds } = fleet
  const upstream = figures.upstreamUsed + tools * figures.tool + errorKinds * figures.toolError
  return figures.sidecar + upstreams * upstream
}

export function loadOf(
  fleet: Fleet,
  figures: CapacityFigures,
  prometheus: PrometheusFigures,
): Load {
  const perPod = seriesPerPod(figures.series[fleet.histograms], fleet)
  const series = perPod * fleet.pods
  const samplesPerSecond = series / fleet.scrapeSeconds
  const callsPerSecond = fleet.pods * fleet.calls
  const spansPerSecond = callsPerSecond * fleet.sampling * figures.spans.perCall
  const spanBytesPerSecond = spansPerSecond * figures.spans.bytes
  const auditBytes = figures.audit.callBytes
  const auditBytesPerPodDay = fleet.calls * DAY_SECONDS * auditBytes
  const gateways = gatewaysFor(spansPerSecond, callsPerSecond * fleet.sampling)
  const prometheusBytes = series * prometheus.residentBytesPerSeries * RULES.prometheusHeadroom
  return {
    seriesPerPod: perPod,
    series,
    samplesPerSecond,
    scrapeBytesPerSecond: samplesPerSecond * figures.series.gzippedBytes,
    callsPerSecond,
    spansPerSecond,
    spanBytesPerSecond,
    spanBytesPerDay: spanBytesPerSecond * DAY_SECONDS,
    auditBytesPerPodDay,
    auditBytesPerPodKept: auditBytesPerPodDay * RULES.auditRetentionDays,
    auditBytesPerDay: auditBytesPerPodDay * fleet.pods,
    logBytesPerDay: callsPerSecond * fleet.failing * DAY_SECONDS * figures.log.failureBytes,
    nodes: Math.ceil(fleet.pods / fleet.podsPerNode),
    gateways,
    gatewayBytesEach: (spansPerSecond / gateways) * RULES.tailWaitSeconds * RULES.tailBytesPerSpan,
    prometheus: {
      bytes: prometheusBytes,
      cores: (samplesPerSecond * prometheus.cpuMicrosPerSample * RULES.prometheusHeadroom) / 1e6,
      diskBytes:
        samplesPerSecond *
        DAY_SECONDS *
        RULES.prometheusRetentionDays *
        RULES.prometheusDiskBytesPerSample,
      servers: Math.ceil(prometheusBytes / RULES.prometheusBytesMax),
    },
    mimir: {
      distributorCores: samplesPerSecond / RULES.mimirSamplesPerDistributorCore,
      ingesterCores: (series * RULES.mimirReplication) / RULES.mimirSeriesPerIngesterCore,
      ingesterBytes:
        ((series * RULES.mimirReplication) / RULES.mimirSeriesPerIngesterCore) *
        RULES.mimirGigabytesPerIngesterCore *
        1e9,
    },
    tempoDistributors: Math.ceil(spanBytesPerSecond / RULES.tempoBytesPerDistributor),
  }
}

/** For spans by processor, and for traces by what tail sampling holds at a time; two at least. */
function gatewaysFor(spansPerSecond: number, tracesPerSecond: number): number {
  const { collectorSpansPerCore, collectorCores, collectorLoad } = RULES
  const bySpans = spansPerSecond / (collectorSpansPerCore * collectorCores * collectorLoad)
  const byTraces = (tracesPerSecond * RULES.tailWaitSeconds) / (RULES.tailTraces * collectorLoad)
  return Math.max(2, Math.ceil(bySpans), Math.ceil(byTraces))
}

export interface Advice {
  readonly part: 'metrics' | 'collectors' | 'sampling' | 'logs' | 'audit'
  readonly text: string
}

/** What has to be there for such a load, in the order in which people meet it. */
export function adviceFor(fleet: Fleet, load: Load): readonly Advice[] {
  return [
    metricsAdvice(load),
    {
      part: 'collectors',
      text:
        load.nodes === 1
          ? 'one gateway is enough for a node; otel/collector-gateway.yaml'
          : `an agent on each of ${load.nodes} nodes (otel/collector-agent.yaml) and ${load.gateways} gateways behind their load-balancing exporter`,
    },
    {
      part: 'sampling',
      text: samplingAdvice(fleet, load),
    },
  ]
}

function metricsAdvice({ prometheus, series }: Load): Advice {
  if (prometheus.servers === 1)
    return { part: 'metrics', text: 'one Prometheus, and a second one beside it' }
  if (series <= AGGREGATE_ABOVE) {
    return {
      part: 'metrics',
      text: `${prometheus.servers} Prometheus agents that share the targets out and write to Mimir`,
    }
  }
  return {
    part: 'metrics',
    text: `${prometheus.servers} Prometheus servers that share the targets out by namespace, evaluate the rules, and write what they record to Mimir; histograms as native ones`,
  }
}

/** Series above which Mimir should get what is recorded and not everything: 250 ingester cores. */
const AGGREGATE_ABOVE = (250 * RULES.mimirSeriesPerIngesterCore) / RULES.mimirReplication

/** Gateways above which fewer calls should be traced to begin with. */
const GATEWAYS_MAX = 10

function samplingAdvice(fleet: Fleet, { gateways }: Load): string {
  if (gateways <= GATEWAYS_MAX) {
    return fleet.sampling === 1
      ? 'trace every call, and let the gateways choose (tail sampling)'
      : 'leave it so, with telemetry.keep for failed and slow calls'
  }
  const share = (fleet.sampling * GATEWAYS_MAX) / gateways
  return `begin with at most ${Math.floor(share * 100)} % of the calls (OTEL_TRACES_SAMPLER=parentbased_traceidratio), with telemetry.keep for failed and slow ones`
}
