; rustc 1.95.0 (59807616e 2026-04-14), LLVM 22.1.2, x86_64-unknown-linux-gnu
define noundef i64 @each_rust(ptr noalias noundef align 8 captures(none) dereferenceable(216) %v1) unnamed_addr personality ptr @rust_eh_personality {
b0:
  %v2 = alloca [56 x i8], align 8
  %v3 = getelementptr inbounds nuw i8, ptr %v1, i64 96
  %v4 = load i64, ptr %v3, align 8
  %v5 = getelementptr inbounds nuw i8, ptr %v1, i64 112
  %v6 = load i64, ptr %v5, align 8
  %v7 = getelementptr inbounds nuw i8, ptr %v1, i64 212
  %v8 = getelementptr inbounds nuw i8, ptr %v1, i64 208
  %v9 = load i32, ptr %v8, align 8
  %v10 = icmp eq i32 %v9, 0
  br i1 %v10, label %b22, label %b1
b1:
  %v11 = getelementptr inbounds nuw i8, ptr %v1, i64 120
  %v12 = getelementptr inbounds nuw i8, ptr %v1, i64 128
  %v13 = getelementptr inbounds nuw i8, ptr %v1, i64 168
  %v14 = getelementptr inbounds nuw i8, ptr %v1, i64 40
  %v15 = getelementptr inbounds nuw i8, ptr %v1, i64 64
  %v16 = getelementptr inbounds nuw i8, ptr %v1, i64 32
  %v17 = getelementptr inbounds nuw i8, ptr %v1, i64 72
  %v18 = getelementptr inbounds nuw i8, ptr %v1, i64 80
  %v19 = getelementptr inbounds nuw i8, ptr %v2, i64 8
  %v20 = getelementptr inbounds nuw i8, ptr %v2, i64 16
  %v21 = getelementptr inbounds nuw i8, ptr %v2, i64 24
  %v22 = getelementptr inbounds nuw i8, ptr %v2, i64 32
  %v23 = getelementptr inbounds nuw i8, ptr %v1, i64 200
  br label %b2
b2:
  %v24 = phi i32 [ %v9, %b1 ], [ %v25, %b20 ]
  %v26 = phi i64 [ %v6, %b1 ], [ %v27, %b20 ]
  %v28 = load i64, ptr %v11, align 8
  %v29 = load i64, ptr %v13, align 8
  tail call void @llvm.memcpy.p0.p0.i64(ptr noundef nonnull align 8 dereferenceable(24) %v14, ptr noundef nonnull align 8 dereferenceable(24) %v12, i64 24, i1 false)
  store i64 %v28, ptr %v15, align 8
  store i64 0, ptr %v17, align 8
  tail call void @llvm.memset.p0.i64(ptr noundef nonnull align 8 dereferenceable(16) %v18, i8 -1, i64 16, i1 false)
  %v30 = tail call i64 @llvm.umin.i64(i64 %v29, i64 65536)
  store i64 %v30, ptr %v16, align 8
  call void @llvm.lifetime.start.p0(ptr nonnull %v2)
  call void @step(ptr noalias noundef nonnull sret([56 x i8]) align 8 captures(none) dereferenceable(56) %v2, ptr noundef nonnull align 8 %v1, i64 noundef %v26, i64 noundef 0, i64 noundef 0)
  %v31 = load i64, ptr %v2, align 8
  %v32 = load i64, ptr %v19, align 8
  %v33 = load i64, ptr %v20, align 8
  %v34 = load i64, ptr %v21, align 8
  %v35 = load i32, ptr %v22, align 8
  call void @llvm.lifetime.end.p0(ptr nonnull %v2)
  %v36 = icmp eq i64 %v34, 4
  br i1 %v36, label %b3, label %b21
b3:
  %v37 = zext i32 %v24 to i64
  %v38 = add nsw i64 %v37, -8
  %v39 = and i64 %v33, %v38
  %v40 = load ptr, ptr %v23, align 8
  %v41 = getelementptr i8, ptr %v40, i64 %v39
  %v42 = add i32 %v35, 15
  %v43 = and i32 %v42, -8
  %v44 = zext i32 %v43 to i64
  %v45 = zext i32 %v35 to i64
  br label %b4
b4:
  %v46 = phi ptr [ %v40, %b3 ], [ %v47, %b10 ]
  %v48 = phi ptr [ %v41, %b3 ], [ %v49, %b10 ]
  %v50 = phi i32 [ %v35, %b3 ], [ %v51, %b10 ]
  %v52 = phi i64 [ %v32, %b3 ], [ %v53, %b10 ]
  %v54 = phi i64 [ 1, %b3 ], [ %v55, %b10 ]
  %v56 = phi i64 [ %v31, %b3 ], [ %v57, %b10 ]
  %v58 = zext i32 %v50 to i64
  %v59 = getelementptr i8, ptr %v48, i64 8
  %v60 = icmp ne ptr %v59, null
  tail call void @llvm.assume(i1 %v60)
  tail call void @on_sample(ptr noundef nonnull %v59, i64 noundef %v58)
  %v61 = icmp ult i64 %v52, %v44
  br i1 %v61, label %b7, label %b5
b5:
  %v62 = phi ptr [ %v63, %b6 ], [ %v46, %b4 ]
  %v64 = phi i64 [ %v65, %b6 ], [ %v56, %b4 ]
  %v66 = phi i64 [ %v67, %b6 ], [ %v54, %b4 ]
  %v68 = phi i64 [ %v69, %b6 ], [ %v52, %b4 ]
  %v70 = and i64 %v64, %v38
  %v71 = getelementptr inbounds nuw i8, ptr %v62, i64 %v70
  %v72 = load atomic i32, ptr %v71 monotonic, align 4
  fence acquire
  %v73 = icmp eq i32 %v72, %v35
  br i1 %v73, label %b6, label %b7
b6:
  %v65 = add i64 %v64, %v44
  %v69 = sub i64 %v68, %v44
  %v67 = add i64 %v66, 1
  %v63 = load ptr, ptr %v23, align 8
  %v74 = getelementptr i8, ptr %v63, i64 %v70
  %v75 = getelementptr i8, ptr %v74, i64 8
  %v76 = icmp ne ptr %v75, null
  tail call void @llvm.assume(i1 %v76)
  tail call void @on_sample(ptr noundef nonnull %v75, i64 noundef %v45)
  %v77 = icmp ult i64 %v69, %v44
  br i1 %v77, label %b7, label %b5
b7:
  %v78 = phi i64 [ %v52, %b4 ], [ %v69, %b6 ], [ %v68, %b5 ]
  %v79 = phi i64 [ %v54, %b4 ], [ %v67, %b6 ], [ %v66, %b5 ]
  %v80 = phi i64 [ %v56, %b4 ], [ %v65, %b6 ], [ %v64, %b5 ]
  %v81 = icmp eq i64 %v78, 0
  br i1 %v81, label %b20, label %b8
b8:
  %v82 = sub i64 %v79, %v54
  %v83 = freeze i64 %v82
  %v84 = icmp ugt i64 %v83, 7
  br i1 %v84, label %b9, label %b14
b9:
  %v85 = phi i64 [ %v86, %b13 ], [ %v80, %b8 ]
  %v87 = phi i64 [ %v88, %b13 ], [ %v78, %b8 ]
  %v89 = and i64 %v85, %v38
  %v90 = load ptr, ptr %v23, align 8
  %v91 = getelementptr inbounds nuw i8, ptr %v90, i64 %v89
  %v51 = load atomic i32, ptr %v91 monotonic, align 4
  fence acquire
  %v92 = zext i32 %v51 to i64
  %v93 = add nuw nsw i64 %v92, 15
  %v94 = and i64 %v93, 8589934584
  %v95 = icmp ugt i64 %v94, %v87
  br i1 %v95, label %b11, label %b10
b10:
  %v57 = add i64 %v94, %v85
  %v53 = sub nuw i64 %v87, %v94
  %v55 = add i64 %v79, 1
  %v47 = load ptr, ptr %v23, align 8
  %v49 = getelementptr i8, ptr %v47, i64 %v89
  br label %b4
b11:
  %v96 = icmp sgt i32 %v51, -1
  br i1 %v96, label %b12, label %b20
b12:
  %v97 = and i32 %v51, 1073741823
  %v98 = add nuw nsw i32 %v97, 15
  %v99 = and i32 %v98, 2147483640
  %v100 = zext nneg i32 %v99 to i64
  %v101 = icmp samesign ult i64 %v87, %v100
  br i1 %v101, label %b20, label %b13
b13:
  %v102 = load i64, ptr %v17, align 8
  %v103 = add i64 %v102, 1
  store i64 %v103, ptr %v17, align 8
  %v86 = add i64 %v85, %v100
  %v88 = sub nuw nsw i64 %v87, %v100
  %v104 = icmp eq i64 %v88, 0
  br i1 %v104, label %b20, label %b9
b14:
  %v105 = phi i64 [ %v106, %b19 ], [ %v80, %b8 ]
  %v107 = phi i64 [ %v108, %b19 ], [ %v79, %b8 ]
  %v109 = phi i64 [ %v110, %b19 ], [ %v78, %b8 ]
  br label %b15
b15:
  %v111 = phi i64 [ %v105, %b14 ], [ %v112, %b18 ]
  %v113 = phi i64 [ %v109, %b14 ], [ %v114, %b18 ]
  %v115 = and i64 %v111, %v38
  %v116 = load ptr, ptr %v23, align 8
  %v117 = getelementptr inbounds nuw i8, ptr %v116, i64 %v115
  %v118 = load atomic i32, ptr %v117 monotonic, align 4
  fence acquire
  %v119 = zext i32 %v118 to i64
  %v120 = add nuw nsw i64 %v119, 15
  %v121 = and i64 %v120, 8589934584
  %v122 = icmp ugt i64 %v121, %v113
  br i1 %v122, label %b16, label %b19
b16:
  %v123 = icmp sgt i32 %v118, -1
  br i1 %v123, label %b17, label %b20
b17:
  %v124 = and i32 %v118, 1073741823
  %v125 = add nuw nsw i32 %v124, 15
  %v126 = and i32 %v125, 2147483640
  %v127 = zext nneg i32 %v126 to i64
  %v128 = icmp samesign ult i64 %v113, %v127
  br i1 %v128, label %b20, label %b18
b18:
  %v129 = load i64, ptr %v17, align 8
  %v130 = add i64 %v129, 1
  store i64 %v130, ptr %v17, align 8
  %v112 = add i64 %v111, %v127
  %v114 = sub nuw nsw i64 %v113, %v127
  %v131 = icmp eq i64 %v114, 0
  br i1 %v131, label %b20, label %b15
b19:
  %v106 = add i64 %v121, %v111
  %v110 = sub nuw i64 %v113, %v121
  %v108 = add i64 %v107, 1
  %v132 = load ptr, ptr %v23, align 8
  %v133 = getelementptr i8, ptr %v132, i64 %v115
  %v134 = getelementptr i8, ptr %v133, i64 8
  %v135 = icmp ne ptr %v134, null
  tail call void @llvm.assume(i1 %v135)
  tail call void @on_sample(ptr noundef nonnull %v134, i64 noundef %v119)
  %v136 = icmp eq i64 %v110, 0
  br i1 %v136, label %b20, label %b14
b20:
  %v137 = phi i64 [ %v108, %b19 ], [ %v107, %b16 ], [ %v79, %b13 ], [ %v107, %b18 ], [ %v107, %b17 ], [ %v79, %b11 ], [ %v79, %b12 ], [ %v79, %b7 ]
  %v138 = phi i64 [ %v106, %b19 ], [ %v111, %b16 ], [ %v85, %b11 ], [ %v111, %b17 ], [ %v112, %b18 ], [ %v85, %b12 ], [ %v86, %b13 ], [ %v80, %b7 ]
  %v139 = phi i64 [ 0, %b19 ], [ %v113, %b16 ], [ %v87, %b11 ], [ %v113, %b17 ], [ 0, %b18 ], [ %v87, %b12 ], [ 0, %b13 ], [ 0, %b7 ]
  tail call void @end_batch(ptr noalias noundef nonnull align 8 dereferenceable(216) %v1, i64 noundef %v138, i64 noundef %v139, i64 noundef %v137)
  %v27 = load i64, ptr %v5, align 8
  %v140 = load i8, ptr %v7, align 4
  %v141 = trunc nuw i8 %v140 to i1
  %v142 = sub i64 %v27, %v6
  %v143 = select i1 %v141, i64 -1, i64 4294967295
  %v25 = load i32, ptr %v8, align 8
  %v144 = and i64 %v143, %v142
  %v145 = zext i32 %v25 to i64
  %v146 = icmp ult i64 %v144, %v145
  br i1 %v146, label %b2, label %b22
b21:
  tail call void @end_batch(ptr noalias noundef nonnull align 8 dereferenceable(216) %v1, i64 noundef %v31, i64 noundef %v32, i64 noundef 0)
  br label %b22
b22:
  %v147 = load i64, ptr %v3, align 8
  %v148 = sub i64 %v147, %v4
  ret i64 %v148
}
