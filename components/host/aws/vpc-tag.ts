/** The tag of a network that is made for a region, and of its parts, whose names EC2 does not know; its value is what the names of the region's shared things begin with. */
export const networkTag = "lightchain:region";
