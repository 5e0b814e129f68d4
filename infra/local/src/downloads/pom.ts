/** `groupId:artifactId:version`. */
export type Coordinates = string;

function dependency(coordinates: Coordinates): string {
  const [groupId, artifactId, version] = coordinates.split(':');
  if (groupId === undefined || artifactId === undefined || version === undefined) {
    throw new Error(`Maven coordinates must be group:artifact:version, not "${coordinates}"`);
  }
  return `      <dependency><groupId>${groupId}</groupId><artifactId>${artifactId}</artifactId><version>${version}</version></dependency>`;
}

/**
 * A project file that names exactly what to fetch.
 * @param managed versions forced on dependencies reached only through others.
 */
export function pomText(name: string, wanted: readonly Coordinates[], managed: readonly Coordinates[]): string {
  return [
    '<project xmlns="http://maven.apache.org/POM/4.0.0">',
    '  <modelVersion>4.0.0</modelVersion>',
    `  <groupId>millrace.local</groupId><artifactId>${name}</artifactId><version>1</version><packaging>pom</packaging>`,
    '  <dependencyManagement>',
    '    <dependencies>',
    ...managed.map(dependency),
    '    </dependencies>',
    '  </dependencyManagement>',
    '  <dependencies>',
    ...wanted.map(dependency),
    '  </dependencies>',
    '</project>',
    '',
  ].join('\n');
}
